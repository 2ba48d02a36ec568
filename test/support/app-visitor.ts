import { type Browser, openBrowser, type Page, registerAs, signInAs } from './logto-browser.ts';

export type Visitor = {
  /** Cookies of the application. */
  app: Browser;
  /** Goes through the application's sign-up page at Logto, and back; resolves with the page after it. */
  signUp(person: { username: string; email?: string }): Promise<Page>;
  signIn(username: string): Promise<Page>;
  call(method: string, path: string, body?: unknown): Promise<Page>;
};

/** Somebody with a browser, who meets the application at one origin and Logto at another. */
export function openVisitor(appUrl: string, logtoUrl: string): Visitor {
  const app = openBrowser(appUrl);
  const logto = openBrowser(logtoUrl);

  async function leave(path: string): Promise<string> {
    const page = await app.request(path);
    if (page.location === undefined) throw new Error(`${path} answered ${page.status}: ${page.text}`);
    return page.location;
  }

  return {
    app,
    async signUp(person) {
      return app.request(await registerAs(logto, await leave('/logto/sign-up'), person));
    },
    async signIn(username) {
      return app.request(await signInAs(logto, await leave('/logto/sign-in'), username));
    },
    call: (method, path, body) =>
      app.request(path, {
        method,
        headers: {
          ...(method === 'GET' ? {} : { Origin: appUrl }),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  };
}

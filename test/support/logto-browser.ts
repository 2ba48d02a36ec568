/** What one page or redirect answered. */
export type Page = {
  url: string;
  status: number;
  headers: Headers;
  text: string;
  location: string | undefined;
};

export type Browser = {
  /** One request, no redirect followed. */
  request(url: string, init?: RequestInit): Promise<Page>;
  /** Follows redirects as long as they stay at the issuer; the last page may be a redirect to elsewhere. */
  visit(url: string, init?: RequestInit): Promise<Page>;
  /** Submits the page's form to `action` with its hidden fields and these. */
  submit(page: Page, action: string, fields?: Record<string, string>): Promise<Page>;
  cookies: Map<string, string>;
};

/** A browser without scripts: keeps cookies of one origin, follows redirects within it, submits forms. */
export function openBrowser(origin: string): Browser {
  const cookies = new Map<string, string>();

  async function request(url: string, init: RequestInit = {}): Promise<Page> {
    const target = new URL(url, origin);
    const headers = new Headers(init.headers);
    if (cookies.size > 0) headers.set('cookie', [...cookies].map(([k, v]) => `${k}=${v}`).join('; '));
    const answer = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) keep(line);
    const location = answer.headers.get('location');
    return {
      url: target.href,
      status: answer.status,
      headers: answer.headers,
      text: await answer.text(),
      location: location === null ? undefined : new URL(location, target).href,
    };
  }

  function keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';');
    const equals = pair.indexOf('=');
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    const expires = attributes.find((attribute) => attribute.trim().toLowerCase().startsWith('expires='));
    const gone = expires !== undefined && Date.parse(expires.split('=')[1] ?? '') < Date.now();
    if (gone || value === '') cookies.delete(name);
    else cookies.set(name, value);
  }

  async function visit(url: string, init?: RequestInit): Promise<Page> {
    let page = await request(url, init);
    for (let hops = 0; page.location !== undefined && hops < 10; hops += 1) {
      if (new URL(page.location).origin !== new URL(origin).origin) return page;
      page = await request(page.location);
    }
    return page;
  }

  return {
    request,
    visit,
    submit: (page, action, fields = {}) =>
      visit(action, {
        method: 'POST',
        body: new URLSearchParams({ ...hiddenFieldsOf(page.text), ...fields }),
      }),
    cookies,
  };
}

function hiddenFieldsOf(markup: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [tag] of markup.matchAll(/<input type="hidden"[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(tag)?.[1];
    if (name !== undefined) fields[name] = /value="([^"]*)"/.exec(tag)?.[1] ?? '';
  }
  return fields;
}

/** Signs in on the page and returns the address of the application that the issuer sends the browser to. */
export async function signInAs(
  browser: Browser,
  authorizationUrl: string,
  identifier: string,
  password = 'password',
): Promise<string> {
  const page = await browser.visit(authorizationUrl);
  if (page.location !== undefined) return page.location;
  const answer = await browser.submit(page, '/sign-in', { identifier, password });
  if (answer.location === undefined) throw new Error(`sign-in ended on ${answer.status}: ${answer.text}`);
  return answer.location;
}

/** Registers on the page and returns where the issuer sends the browser. */
export async function registerAs(
  browser: Browser,
  authorizationUrl: string,
  fields: { username?: string; email?: string; name?: string; password?: string },
): Promise<string> {
  const page = await browser.visit(authorizationUrl);
  const answer = await browser.submit(page, '/register', { password: 'a long password', ...fields });
  if (answer.location === undefined) throw new Error(`sign-up ended on ${answer.status}: ${answer.text}`);
  return answer.location;
}

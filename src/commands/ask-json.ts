/** A JSON answer within five seconds, never through a redirect; a failure in words without an address twice. */
export async function askJson(
  url: string,
  init: RequestInit = {},
): Promise<{ status: number; body: unknown } | { failure: string }> {
  try {
    const answer = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(5_000) });
    const text = await answer.text();
    let body: unknown = text;
    try {
      body = JSON.parse(text);
    } catch {
      // Told apart by whoever asked.
    }
    return { status: answer.status, body };
  } catch (error) {
    const { name, message, cause } = error as Error;
    if (name === 'TimeoutError') return { failure: 'no answer within 5 s' };
    return { failure: (cause as { code?: string } | undefined)?.code ?? message };
  }
}

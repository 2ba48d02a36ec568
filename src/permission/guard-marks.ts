import type { IncomingMessage } from 'node:http';

/** How a route is protected, or why it is not; what the route census prints. */
export type GuardMark =
  | {
      readonly kind: 'permission';
      readonly action: string;
      readonly resource: string;
      readonly tenant: 'current' | 'default';
    }
  | { readonly kind: 'authenticated'; readonly reason?: string }
  | { readonly kind: 'signature'; readonly reason: string }
  | { readonly kind: 'session'; readonly reason: string }
  | { readonly kind: 'public'; readonly reason: string };

const marks = new WeakMap<object, GuardMark>();
// A symbol of this module's own: as hard to forge as a weak map's entry, and every request pays for it.
const passed: unique symbol = Symbol('passed guard');
type Marked = IncomingMessage & { [passed]?: GuardMark };

/** Declares `handler` to be a guard. It must call {@link markPassed} before it lets a request through. */
export function markGuard<H extends object>(handler: H, mark: GuardMark): H {
  marks.set(handler, Object.freeze(mark));
  return handler;
}

export function guardMarkOf(handler: object): GuardMark | undefined {
  return marks.get(handler);
}

/** Records the verdict that the tripwire in front of a handler looks for. */
export function markPassed(req: IncomingMessage, mark: GuardMark): void {
  (req as Marked)[passed] = mark;
}

/** The guard that let this request through last. */
export function passedGuardOf(req: IncomingMessage): GuardMark | undefined {
  return (req as Marked)[passed];
}

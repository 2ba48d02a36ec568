import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import type { Principal } from '../auth/principal.ts';
import type { PathParam } from './path-param.ts';

/** An object of the application as its guard needs it: which one, whose, and in which tenant. */
export type ProtectedObject = { id: string; tenant: string; ownerId?: string | null };

/** What a guarded route acts on; without a target it is the resource type in the caller's tenant. */
export type Target = {
  /**
   * The object's key, from a path parameter. A key alone checks no tenant: a PDP does not compare an object's
   * tenant with the question's, so that a role in the caller's tenant opens every object of the type. `load` does.
   */
  key?: PathParam;
  /**
   * Loads the object once; {@link loadedOf} hands it to the handler. Its tenant, owner and the attributes that
   * the policy declares go into the question. `undefined` (no such object) and an object of another tenant
   * are the same 403, without asking the PDP, which does not check an object's tenant.
   */
  load?: (req: Request, key: string) => ProtectedObject | undefined | Promise<ProtectedObject | undefined>;
  /**
   * `default` asks in the default tenant and refuses callers that act in an organization; a path parameter
   * must name the caller's own tenant.
   */
  tenant?: 'default' | PathParam;
  /** Bypasses the decision cache. */
  freshDecision?: boolean;
  /** Context of the question, from the verified caller alone. */
  context?: (principal: Principal) => Record<string, unknown>;
};

const loadedObjects = new WeakMap<IncomingMessage, unknown>();

/** For the guard only. */
export function setLoaded(req: IncomingMessage, object: unknown): void {
  loadedObjects.set(req, object);
}

/**
 * The object that the guard of this route loaded and asked about.
 *
 * @throws Error when the route's target has no `load`: a mistake of the program, answered 500.
 * @example
 * const report = loadedOf<Report>(req);
 */
export function loadedOf<T>(req: IncomingMessage): T {
  if (!loadedObjects.has(req)) throw new Error('loadedOf: the guard of this route loads nothing');
  return loadedObjects.get(req) as T;
}

import express, {
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
  type Router,
} from 'express';
import { MethodNotAllowed } from '../errors.ts';
import { requireSameOrigin } from './same-origin.ts';

/** Makes the step that declares a route to a route census. */
export type DeclareRoute = (kind: 'public' | 'session' | 'signature', reason: string) => RequestHandler;

type Handlers = Record<
  'signIn' | 'callback' | 'signOut' | 'organization' | 'backchannelLogout',
  RequestHandler
>;

/** `/logto/*`: which method and which check stand before each handler. */
export function createSessionRouter(
  handlers: Handlers,
  { origin, declareRoute = undeclared }: { origin: string; declareRoute: DeclareRoute | undefined },
): Router {
  const routes = express.Router({ caseSensitive: true, strict: true });
  const visitor = declareRoute('public', 'signing in; Logto says who it is');
  const own = declareRoute('session', "the caller's own session, from our own pages");
  const signed = declareRoute('signature', 'logout token signed by Logto');
  const sameOrigin = requireSameOrigin(origin);
  const json = express.json({ limit: '1kb', inflate: false });
  const form = express.urlencoded({ extended: false, limit: '16kb', inflate: false });
  const methods = new Map<string, string>();

  routes.use(methodNotAllowed);

  route('GET', '/logto/sign-in', visitor, handlers.signIn);
  route('GET', '/logto/sign-up', visitor, handlers.signIn);
  route('GET', '/logto/sign-in-callback', visitor, handlers.callback);
  route('POST', '/logto/sign-out', own, sameOrigin, handlers.signOut);
  route('POST', '/logto/organization', own, sameOrigin, json, handlers.organization);
  route('POST', '/logto/backchannel-logout', signed, form, handlers.backchannelLogout);
  return routes;

  function route(method: 'GET' | 'POST', path: string, ...steps: RequestHandler[]): void {
    methods.set(path, method);
    routes[method === 'GET' ? 'get' : 'post'](path, noStore, ...steps);
  }

  /**
   * Exactly one method: Express would give HEAD to a GET route, and a HEAD must start nothing. Ahead of the routes,
   * for a handler inside one that passes no guard is taken for an open door. The route census knows it by its name.
   */
  function methodNotAllowed(req: Request, _res: Response, next: NextFunction): void {
    const method = methods.get(req.path);
    if (method !== undefined && method !== req.method) throw new MethodNotAllowed([method]);
    next();
  }
}

function noStore(_req: Request, res: Response, next: NextFunction): void {
  res.set('Cache-Control', 'no-store');
  next();
}

function undeclared(): RequestHandler {
  return function undeclaredRoute(_req, _res, next) {
    next();
  };
}

/**
 * The door for code: everything that an Express application imports.
 *
 * @example
 * import { createGate, definePolicy, pathParam, principalOf, problemDetails } from 'express-logto-permit';
 */
export { requireAuth, requireMachine, requireScope, requireUser } from './auth/guards.ts';
export { type Principal, principalOf } from './auth/principal.ts';
export { audienceProblem } from './auth/verifier-options.ts';
export { type Clock, systemClock } from './clock.ts';
export type { Database, Migration, Queryable, Transaction } from './database/database.ts';
export { migrate } from './database/migrate.ts';
export { openDatabase } from './database/open-database.ts';
export {
  ConfigurationError,
  Conflict,
  type Fault,
  InsufficientScope,
  InvalidInput,
  InvalidRequest,
  InvalidToken,
  MethodNotAllowed,
  NotFound,
  PayloadTooLarge,
  PermissionDenied,
  ProblemError,
  RateLimited,
  Unauthenticated,
  UnsupportedMediaType,
  type Upstream,
  UpstreamUnavailable,
  WebhookRejected,
  WebhookStale,
} from './errors.ts';
export { createGate, type Gate } from './gate/create-gate.ts';
export type { GateOptions, LogtoOptions, PermitOptions } from './gate/gate-options.ts';
export type { Member, MemberBook } from './gate/member-book.ts';
export { corsPolicy } from './http/cors-policy.ts';
export { createGracefulClose, type GracefulClose } from './http/graceful-close.ts';
export { type Health, type HealthCheck, type HealthState, health } from './http/health.ts';
export { jsonBody } from './http/json-body.ts';
export { methodGuard } from './http/method-guard.ts';
export { createMetricsServer, metricsRoute } from './http/metrics-route.ts';
export { notFound } from './http/not-found.ts';
export { openApiDocument, type RouteDocument } from './http/openapi.ts';
export { openApiHandlers } from './http/openapi-routes.ts';
export { problemDetails } from './http/problem-details.ts';
export { requestId, requestIdOf } from './http/request-id.ts';
export { requestLog } from './http/request-log.ts';
export { requestShape } from './http/request-shape.ts';
export { securityHeaders } from './http/security-headers.ts';
export { applyServerLimits, createLimitedServer } from './http/server-limits.ts';
export type { LetterDetail, LetterFilter } from './inbox/archive.ts';
export type { LetterRecord, LetterStatus } from './inbox/letter.ts';
export { sessionConfigurationProblems } from './logto/session-configuration.ts';
export type { OutboxHandler } from './outbox/errand-worker.ts';
export { onceOf } from './outbox/idempotency.ts';
export type { Outbox } from './outbox/outbox.ts';
export {
  type CallerPermissions,
  type CallerPlaces,
  callerChecksSchema,
} from './permission/caller-permissions.ts';
export type { PermissionChecker, PermissionMap, Question } from './permission/checker.ts';
export {
  type ActionOf,
  definePolicy,
  permissionsOfPolicy,
  type ResourceOf,
  roleKeysOf,
} from './permission/define-policy.ts';
export { OBJECT_ID, type PathParam, pathParam } from './permission/path-param.ts';
export { type PermittedScope, permittedScopeOf } from './permission/permitted-scope.ts';
export type { PolicyInput } from './permission/policy.ts';
export { authenticatedRoute, guardedBy, publicRoute } from './permission/public-route.ts';
export { assertGuarded, observeHandlers, type RouteRow, routeTable } from './permission/route-census.ts';
export { loadedOf, type ProtectedObject, type Target } from './permission/target.ts';
export { watchRoutes } from './permission/watch-routes.ts';
export { createChecker } from './permit/create-checker.ts';
export type { Explanation } from './permit/explain.ts';
export { DirectoryError } from './sync/directory-error.ts';
export type { Assignment, Directory, DirectoryUser } from './sync/ports.ts';

import { allowedTenants, authorizedUsers, tenantsOfUser, userPermissions } from '../engine/permissions.ts';
import { parseBody } from '../rest/validation-error.ts';
import { evaluate, evaluateMany } from './authzen.ts';
import {
  allTenantsBody,
  authorizedUsersBody,
  bulkBody,
  isFirstVersion,
  permissionsBody,
  questionBody,
  questionOf,
  userTenantsBody,
} from './question-body.ts';
import { decisionAnswer, type Endpoint, PdpRefusal, parseQuestion } from './serve-decision.ts';

const allowed: Endpoint = (context, body) =>
  decisionAnswer(context, questionOf(parseQuestion(questionBody, body)), '/allowed');

const allowedBulk: Endpoint = (context, body) => ({
  allow: parseQuestion(bulkBody, body).map((item) =>
    decisionAnswer(context, questionOf(item), '/allowed/bulk'),
  ),
});

const allTenants: Endpoint = ({ world, options }, body) => {
  refuseFirstVersion(body);
  const question = questionOf(parseBody(allTenantsBody, body));
  return {
    allowed_tenants: allowedTenants(world, question, options).map(({ tenant, decision }) => ({
      allow: decision.allow,
      result: decision.allow,
      tenant,
    })),
  };
};

const permissions: Endpoint = ({ world }, body) => {
  const query = parseQuestion(permissionsBody, body);
  return userPermissions(world, {
    user: query.user,
    tenants: query.tenants ?? undefined,
    resources: query.resources ?? undefined,
    resourceTypes: query.resource_types ?? undefined,
    context: query.context,
  });
};

const whoMay: Endpoint = ({ world }, body) => {
  const { action, resource } = parseQuestion(authorizedUsersBody, body);
  const { type, key, tenant } = resource;
  return authorizedUsers(world, {
    action,
    resource: { type, key: key ?? undefined, tenant: tenant ?? undefined },
  });
};

const userTenants: Endpoint = ({ world }, body) =>
  tenantsOfUser(world, parseBody(userTenantsBody, body).user.key);

/** What the server in front answers by `POST`. */
export const decisionEndpoints: ReadonlyMap<string, Endpoint> = new Map([
  ['/allowed', allowed],
  ['/allowed/bulk', allowedBulk],
  ['/user-permissions', permissions],
  ['/authorized_users', whoMay],
  ['/access/v1/evaluation', evaluate],
  ['/access/v1/evaluations', evaluateMany],
]);

/** What it leaves to the one behind. */
export const endpointsBehind: ReadonlyMap<string, Endpoint> = new Map([
  ['/allowed/all-tenants', allTenants],
  ['/user-tenants', userTenants],
]);

/** The first version's body named the user by a string. */
function refuseFirstVersion(body: unknown): void {
  if (!isFirstVersion(body)) return;
  throw new PdpRefusal(421, {
    detail:
      'Mismatch between client version and PDP version, required v2 request body, got v1. hint: try to update your client version to v2',
  });
}

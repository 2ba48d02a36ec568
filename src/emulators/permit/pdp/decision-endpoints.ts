import { allowedTenants, authorizedUsers, tenantsOfUser, userPermissions } from '../engine/permissions.ts';
import { evaluate, evaluateMany } from './authzen.ts';
import {
  authorizedUsersBody,
  bulkBody,
  isFirstVersion,
  permissionsBody,
  questionBody,
  questionOf,
  userTenantsBody,
} from './question-body.ts';
import { decisionAnswer, type Endpoint, PdpRefusal, parseQuestion } from './serve-decision.ts';

const allowed: Endpoint = (context, body) => {
  refuseFirstVersion(body);
  return decisionAnswer(context, questionOf(parseQuestion(questionBody, body)), '/allowed');
};

const allowedBulk: Endpoint = (context, body) => ({
  allow: parseQuestion(bulkBody, body).map((item) =>
    decisionAnswer(context, questionOf(item), '/allowed/bulk'),
  ),
});

const allTenants: Endpoint = ({ world, options }, body) => {
  refuseFirstVersion(body);
  const question = questionOf(parseQuestion(questionBody, body));
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
  tenantsOfUser(world, parseQuestion(userTenantsBody, body).user.key);

/** What the decision point answers by `POST`. */
export const decisionEndpoints: ReadonlyMap<string, Endpoint> = new Map([
  ['/allowed', allowed],
  ['/allowed/bulk', allowedBulk],
  ['/allowed/all-tenants', allTenants],
  ['/user-permissions', permissions],
  ['/authorized_users', whoMay],
  ['/user-tenants', userTenants],
  ['/access/v1/evaluation', evaluate],
  ['/access/v1/evaluations', evaluateMany],
]);

/** The first version's body named the user by a string. */
function refuseFirstVersion(body: unknown): void {
  if (!isFirstVersion(body)) return;
  throw new PdpRefusal(421, {
    detail:
      'Mismatch between client version and PDP version, required v2 request body, got v1. hint: try to update your client version to v2',
  });
}

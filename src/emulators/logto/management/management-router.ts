import { json, Router } from 'express';
import { notEmulated } from '../../control/not-emulated.ts';
import type { Issuer } from '../issuer.ts';
import { createApplicationRoutes, requireApplication } from './applications.ts';
import { createHookRoutes } from './hooks.ts';
import { createManagementAuth } from './management-auth.ts';
import { answerManagementError } from './management-error.ts';
import { createOrganizationMemberRoutes } from './organization-members.ts';
import { createOrganizationRoleScopeRoutes } from './organization-role-scopes.ts';
import { createOrganizationTemplateRoutes } from './organization-template.ts';
import { createOrganizationRoutes } from './organizations.ts';
import { createResourceRoutes } from './resources.ts';
import { createRoleMemberRoutes } from './role-members.ts';
import { createRoleRoutes } from './roles.ts';
import { createSigningKeyRoutes } from './signing-key-routes.ts';
import { createSubjectRoleRoutes } from './subject-roles.ts';
import { createUserExtraRoutes } from './user-extras.ts';
import { createUserRoutes, requireUser } from './users.ts';

/** Everything below `/api`. */
export function createManagementRouter(issuer: Issuer): Router {
  const { users, applications } = issuer.directory;
  const router = Router();
  router.use(createManagementAuth(issuer), json({ limit: '5mb', strict: false }));
  router.use(createUserRoutes(issuer), createUserExtraRoutes(issuer));
  router.use(
    createSubjectRoleRoutes(issuer, {
      path: '/users/:userId',
      table: users,
      subject: (req) => requireUser(issuer, String(req.params.userId)),
      type: 'User',
    }),
    createSubjectRoleRoutes(issuer, {
      path: '/applications/:applicationId',
      table: applications,
      subject: (req) => requireApplication(issuer, String(req.params.applicationId)),
      type: 'MachineToMachine',
    }),
  );
  router.use(createRoleRoutes(issuer), createRoleMemberRoutes(issuer));
  router.use(createOrganizationRoutes(issuer), createOrganizationMemberRoutes(issuer));
  router.use(createOrganizationTemplateRoutes(issuer), createOrganizationRoleScopeRoutes(issuer));
  router.use(createResourceRoutes(issuer), createApplicationRoutes(issuer));
  router.use(createHookRoutes(issuer), createSigningKeyRoutes(issuer));
  router.use(notEmulated, answerManagementError);
  return router;
}

import { actionRoutes } from './action-routes.ts';
import { assignmentRoutes } from './assignment-routes.ts';
import { attributeRoutes } from './attribute-routes.ts';
import { conditionSetRoutes } from './condition-set-routes.ts';
import { instanceRoutes } from './instance-routes.ts';
import { keyRoutes } from './key-routes.ts';
import { organizationRoutes } from './organization-routes.ts';
import { resourceRoleRoutes } from './resource-role-routes.ts';
import { resourceRoutes } from './resource-routes.ts';
import { roleRoutes } from './role-routes.ts';
import type { Route } from './route.ts';
import { tenantRoutes } from './tenant-routes.ts';
import { tupleRoutes } from './tuple-routes.ts';
import { userRoutes } from './user-routes.ts';

/** Every operation of the REST API that the emulator has. */
export const restRoutes: readonly Route[] = [
  ...keyRoutes,
  ...organizationRoutes,
  ...userRoutes,
  ...tenantRoutes,
  ...assignmentRoutes,
  ...instanceRoutes,
  ...tupleRoutes,
  ...roleRoutes,
  ...resourceRoutes,
  ...actionRoutes,
  ...attributeRoutes,
  ...resourceRoleRoutes,
  ...conditionSetRoutes,
];

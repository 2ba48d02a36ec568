import { Router } from 'express';
import { z } from 'zod';
import { newId } from '../directory/ids.ts';
import type { OrganizationRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { announce } from './announce.ts';
import { notExistsWithId } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import { presentedOrganization } from './presented.ts';
import { bodyOf } from './request-body.ts';

const FEATURED = 3;
const object = z.record(z.string(), z.unknown());
const organizationInput = z.object({
  name: z.string().min(1).max(128),
  description: z.string().max(256).nullish(),
  customData: object.optional(),
  isMfaRequired: z.boolean().optional(),
});

/** `/organizations`, and who joins them on registration. Members have their own routes. */
export function createOrganizationRoutes(issuer: Issuer): Router {
  const { directory, clock } = issuer;
  const router = Router();

  function requireOrganization(id: string): OrganizationRecord {
    const organization = directory.organizations.get(id);
    if (!organization) throw notExistsWithId('organizations', id);
    return organization;
  }

  function withFeatured(organization: OrganizationRecord) {
    const members = directory.users.all().filter((user) => user.organizations[organization.id]);
    return {
      ...presentedOrganization(organization),
      usersCount: members.length,
      featuredUsers: members.slice(0, FEATURED).map(({ id, avatar, name }) => ({ id, avatar, name })),
    };
  }

  router.get('/organizations', (req, res) => {
    const text = String(req.query.q ?? '').toLowerCase();
    const found = directory.organizations
      .all()
      .filter(({ id, name }) => id === text || name.toLowerCase().includes(text))
      .toReversed();
    const present = req.query.showFeatured === 'true' ? withFeatured : presentedOrganization;
    sendPageOf(issuer, req, res, found, present);
  });

  router.post('/organizations', (req, res) => {
    const input = bodyOf(req, organizationInput);
    const organization = directory.organizations.put({
      id: newId(12),
      name: input.name,
      description: input.description ?? null,
      customData: input.customData ?? {},
      isMfaRequired: input.isMfaRequired ?? false,
      color: {},
      branding: {},
      customCss: null,
      createdAt: clock.now(),
      jitEmailDomains: [],
      jitRoleIds: [],
    });
    announce(issuer, req, res, 'Organization.Created', { data: presentedOrganization(organization) });
    res.status(201).json(presentedOrganization(organization));
  });

  router.get('/organizations/:id', (req, res) => {
    res.json(presentedOrganization(requireOrganization(req.params.id)));
  });
  router.patch('/organizations/:id', (req, res) => {
    const organization = requireOrganization(req.params.id);
    const changes = bodyOf(req, organizationInput.partial()) as Partial<OrganizationRecord>;
    const changed = presentedOrganization(directory.organizations.put({ ...organization, ...changes }));
    announce(issuer, req, res, 'Organization.Data.Updated', { data: changed });
    res.json(changed);
  });
  router.delete('/organizations/:id', (req, res) => {
    const { id } = requireOrganization(req.params.id);
    directory.organizations.delete(id);
    for (const table of [directory.users, directory.applications] as const)
      for (const row of table.all())
        if (row.organizations[id]) {
          const { [id]: _, ...organizations } = row.organizations;
          table.patch(row.id, { organizations });
        }
    announce(issuer, req, res, 'Organization.Deleted');
    res.status(204).end();
  });

  router.post('/organizations/:id/jit/email-domains', (req, res) => {
    const organization = requireOrganization(req.params.id);
    const { emailDomain } = bodyOf(req, z.object({ emailDomain: z.string().min(1) }));
    const jitEmailDomains = [...new Set([...organization.jitEmailDomains, emailDomain.toLowerCase()])];
    directory.organizations.put({ ...organization, jitEmailDomains });
    res.status(201).json({ tenantId: 'default', organizationId: organization.id, emailDomain });
  });
  router.post('/organizations/:id/jit/roles', (req, res) => {
    const organization = requireOrganization(req.params.id);
    const { organizationRoleIds } = bodyOf(req, z.object({ organizationRoleIds: z.array(z.string()) }));
    const jitRoleIds = [...new Set([...organization.jitRoleIds, ...organizationRoleIds])];
    directory.organizations.put({ ...organization, jitRoleIds });
    res.status(201).type('text/plain').send('Created');
  });
  return router;
}

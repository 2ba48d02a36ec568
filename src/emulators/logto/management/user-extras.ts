import { Router } from 'express';
import { z } from 'zod';
import { newId, newSecret } from '../directory/ids.ts';
import type { Issuer } from '../issuer.ts';
import { ManagementError } from './management-error.ts';
import { memberRoles, presentedOrganization } from './presented.ts';
import { bodyOf } from './request-body.ts';
import { requireUser } from './users.ts';

const IMPERSONATION_TTL_SECONDS = 600;

/** A user's organizations, personal access tokens, and tokens to impersonate with. */
export function createUserExtraRoutes(issuer: Issuer): Router {
  const { directory, issued, clock } = issuer;
  const router = Router();

  router.get('/users/:userId/organizations', (req, res) => {
    const user = requireUser(issuer, req.params.userId);
    const mine = Object.keys(user.organizations)
      .sort()
      .flatMap((id) => directory.organizations.get(id) ?? []);
    res.json(
      mine.map((organization) => ({
        ...presentedOrganization(organization),
        organizationRoles: memberRoles(directory, user, organization.id),
      })),
    );
  });

  const presentedToken = ({
    id,
    userId,
    name,
    createdAt,
    expiresAt,
  }: ReturnType<typeof personalTokens>[number]) => ({
    tenantId: 'default',
    userId,
    name,
    value: id,
    createdAt,
    expiresAt,
  });
  const personalTokens = (userId: string) =>
    issued.subjectTokens.all().filter((token) => token.kind === 'personal' && token.userId === userId);

  router.get('/users/:userId/personal-access-tokens', (req, res) => {
    res.json(personalTokens(requireUser(issuer, req.params.userId).id).map(presentedToken));
  });
  router.post('/users/:userId/personal-access-tokens', (req, res) => {
    const user = requireUser(issuer, req.params.userId);
    const input = bodyOf(req, z.object({ name: z.string().min(1), expiresAt: z.number().nullish() }));
    if (personalTokens(user.id).some(({ name }) => name === input.name))
      throw new ManagementError(
        422,
        'user.personal_access_token_name_exists',
        'Personal access token name already exists.',
      );
    const token = issued.subjectTokens.put({
      id: `pat_${newSecret(32).replace(/[-_]/g, 'A')}`,
      kind: 'personal',
      userId: user.id,
      name: input.name,
      createdAt: clock.now(),
      expiresAt: input.expiresAt ?? null,
    });
    res.status(201).json(presentedToken(token));
  });
  router.delete('/users/:userId/personal-access-tokens/:name', (req, res) => {
    for (const { id, name } of personalTokens(req.params.userId))
      if (name === req.params.name) issued.subjectTokens.delete(id);
    res.status(204).end();
  });

  router.post('/subject-tokens', (req, res) => {
    const { userId } = bodyOf(req, z.object({ userId: z.string(), context: z.unknown().optional() }));
    requireUser(issuer, userId);
    const token = issued.subjectTokens.put({
      id: `sub_${newId(21)}`,
      kind: 'impersonation',
      userId,
      createdAt: clock.now(),
      expiresAt: clock.now() + IMPERSONATION_TTL_SECONDS * 1000,
    });
    res.status(201).json({ subjectToken: token.id, expiresIn: IMPERSONATION_TTL_SECONDS });
  });
  return router;
}

import { Router } from 'express';
import { z } from 'zod';
import { newId, newSecret } from '../directory/ids.ts';
import type { ApplicationRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { clientMetadataSchema } from '../oidc/client-settings.ts';
import { notExistsWithId } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import { presentedApplication } from './presented.ts';
import { bodyOf } from './request-body.ts';

const object = z.record(z.string(), z.unknown());
/** Any scheme, as native applications have their own, but none that a browser runs. */
const address = z
  .string()
  .refine(
    (text) => URL.canParse(text) && !/^(?:javascript|data):$/.test(new URL(text).protocol),
    'Invalid URL',
  );
const metadata = z.object({
  redirectUris: z.array(address),
  postLogoutRedirectUris: z.array(address),
  backchannelLogoutUri: address.optional(),
  backchannelLogoutSessionRequired: z.boolean().optional(),
});
const changeInput = z
  .object({
    name: z.string().min(1),
    description: z.string().nullable(),
    oidcClientMetadata: metadata.partial(),
    customClientMetadata: clientMetadataSchema,
    customData: object,
  })
  .partial();

/** @throws ManagementError 404 `entity.not_exists_with_id`. */
export function requireApplication({ directory }: Issuer, id: string): ApplicationRecord {
  const application = directory.applications.get(id);
  if (!application) throw notExistsWithId('applications', id);
  return application;
}

/** `/applications` and their secrets; none of these calls sends a webhook. */
export function createApplicationRoutes(issuer: Issuer): Router {
  const { directory, clock, version } = issuer;
  const router = Router();
  const present = (row: ApplicationRecord) => presentedApplication(row, version);

  router.get('/applications', (req, res) => {
    const types = [req.query.types ?? []].flat();
    const found = directory.applications
      .all()
      .filter(({ type }) => types.length === 0 || types.includes(type));
    sendPageOf(issuer, req, res, found.toReversed(), present);
  });
  router.post('/applications', (req, res) => {
    const input = bodyOf(
      req,
      changeInput.extend({
        name: z.string().min(1),
        type: z.enum(['Native', 'SPA', 'Traditional', 'MachineToMachine']),
      }),
    );
    const isPublic = input.type === 'SPA' || input.type === 'Native';
    const application = directory.applications.put({
      id: newId(21),
      name: input.name,
      description: input.description ?? null,
      type: input.type,
      secret: isPublic ? null : newSecret(32),
      redirectUris: input.oidcClientMetadata?.redirectUris ?? [],
      postLogoutRedirectUris: input.oidcClientMetadata?.postLogoutRedirectUris ?? [],
      backchannelLogoutUri: input.oidcClientMetadata?.backchannelLogoutUri ?? null,
      backchannelLogoutSessionRequired: input.oidcClientMetadata?.backchannelLogoutSessionRequired ?? false,
      customClientMetadata: input.customClientMetadata ?? {},
      customData: input.customData ?? {},
      createdAt: clock.now(),
      roleIds: [],
      organizations: {},
    });
    res.json(present(application));
  });
  router.get(
    '/applications/:id',
    (req, res) => void res.json(present(requireApplication(issuer, req.params.id))),
  );
  router.patch('/applications/:id', (req, res) => {
    const application = requireApplication(issuer, req.params.id);
    const { oidcClientMetadata, ...rest } = bodyOf(req, changeInput);
    res.json(
      present(directory.applications.put({ ...application, ...rest, ...oidcClientMetadata } as never)),
    );
  });
  router.delete('/applications/:id', (req, res) => {
    directory.applications.delete(requireApplication(issuer, req.params.id).id);
    res.status(204).end();
  });

  router.get('/applications/:id/secrets', (req, res) => {
    const { id, secret, createdAt } = requireApplication(issuer, req.params.id);
    const listed = {
      tenantId: 'default',
      applicationId: id,
      name: 'Default secret',
      value: secret,
      createdAt,
    };
    res.json(secret === null ? [] : [{ ...listed, expiresAt: null }]);
  });
  return router;
}

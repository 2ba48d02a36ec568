import { z } from 'zod';
import type { Attributes } from '../engine/attributes.ts';
import type { EngineQuestion } from '../engine/question.ts';
import { attributes } from '../rest/schemas.ts';

const text = z.string();

/** Unknown members are ignored; the SDKs of other languages send more than this one. */
function shapesWith(bag: z.ZodType<Attributes | undefined>) {
  const user = z.object({
    key: text,
    first_name: text.nullish(),
    last_name: text.nullish(),
    email: text.nullish(),
    attributes: bag,
  });
  const resource = z.object({
    type: text,
    key: text.nullish(),
    tenant: text.nullish(),
    attributes: bag,
    context: bag,
  });
  const question = z.object({ user, action: text, resource, context: bag, sdk: text.nullish() });
  return { user, resource, question };
}

/** The server in front refuses attributes of `null`; the one behind it reads them as left out. */
const front = shapesWith(attributes.optional());
const behind = shapesWith(attributes.nullish().transform((bag) => bag ?? undefined));

const { user, resource } = front;
export const questionBody = front.question;
export const allTenantsBody = behind.question;
export const opaQuestionBody = z.object({ input: questionBody });
export const bulkBody = z.array(questionBody);
export const permissionsBody = z.object({
  user,
  tenants: z.array(text).nullish(),
  resources: z.array(text).nullish(),
  resource_types: z.array(text).nullish(),
  context: attributes.optional(),
});
export const authorizedUsersBody = z.object({
  action: text,
  resource,
  context: attributes.optional(),
  sdk: text.nullish(),
});
export const userTenantsBody = z.object({ user: behind.user, context: attributes.nullish() });

export function questionOf(body: z.infer<typeof questionBody>): EngineQuestion {
  return {
    user: { key: body.user.key, attributes: body.user.attributes },
    action: body.action,
    resource: {
      type: body.resource.type,
      key: body.resource.key ?? undefined,
      tenant: body.resource.tenant ?? undefined,
      attributes: body.resource.attributes,
    },
    context: body.context,
  };
}

/** The first version's body names the user by a string. */
export function isFirstVersion(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'user' in body && typeof body.user === 'string';
}

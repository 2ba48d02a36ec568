import type { Permit } from 'permitio';
import type { PolicyItem } from './policy-items.ts';
import type { PolicyStep } from './policy-plan.ts';

type Api = Permit['api'];
type AttributeType = Parameters<Api['resourceAttributes']['create']>[1]['type'];
type SetValue = { resource?: string; conditions: object };
type Apply = (
  api: Api,
  path: readonly string[],
  item: PolicyItem,
  along: readonly PolicyItem[],
) => Promise<unknown>;

const at = (path: readonly string[], index: number): string => String(path[index]);
const last = (items: readonly PolicyItem[]): string[] => items.map(({ path }) => String(path.at(-1)));
const ofKind = (items: readonly PolicyItem[], kind: PolicyItem['kind']) =>
  items.filter((item) => item.kind === kind);
const USER = '__user';

const CREATE: Record<PolicyItem['kind'], Apply> = {
  resource: (api, [key = ''], { value }, along) =>
    api.resources.create({
      key,
      name: String(value),
      actions: Object.fromEntries(last(ofKind(along, 'action')).map((action) => [action, { name: action }])),
      attributes: Object.fromEntries(
        ofKind(along, 'attribute').map(({ path, value: type }) => [
          at(path, 1),
          { type: type as AttributeType },
        ]),
      ),
    }),
  action: (api, path) => api.resourceActions.create(at(path, 0), { key: at(path, 1), name: at(path, 1) }),
  attribute: (api, path, { value }) =>
    api.resourceAttributes.create(at(path, 0), { key: at(path, 1), type: value as AttributeType }),
  relation: (api, path, { value }) =>
    api.resourceRelations.create(at(path, 0), {
      key: at(path, 1),
      name: at(path, 1),
      subject_resource: String(value),
    }),
  role: (api, [key = ''], _item, along) => api.roles.create({ key, name: key, permissions: last(along) }),
  grant: (api, path, item, along) => api.roles.assignPermissions(at(path, 0), last([item, ...along])),
  'resource-role': (api, path, _item, along) =>
    api.resourceRoles.create(at(path, 0), { key: at(path, 1), name: at(path, 1), permissions: last(along) }),
  'resource-grant': (api, path, item, along) =>
    api.resourceRoles.assignPermissions(at(path, 0), at(path, 1), last([item, ...along])),
  derivation: (api, path) =>
    api.resourceRoles.createRoleDerivation(at(path, 0), at(path, 1), derivationOf(path)),
  'user-attribute': (api, [key = ''], { value }) =>
    api.resourceAttributes.create(USER, { key, type: value as AttributeType }),
  'user-set': (api, [key = ''], { value }) =>
    api.conditionSets.create({ key, name: key, type: 'userset', conditions: (value as SetValue).conditions }),
  'resource-set': (api, [key = ''], { value }) => {
    const { resource = '', conditions } = value as SetValue;
    return api.conditionSets.create({
      key,
      name: key,
      type: 'resourceset',
      resource_id: resource,
      conditions,
    });
  },
  rule: (api, path) => api.conditionSetRules.create(ruleOf(path)),
};

const UPDATE: Partial<Record<PolicyItem['kind'], Apply>> = {
  resource: (api, [key = ''], { value }) => api.resources.update(key, { name: String(value) }),
  attribute: (api, path, { value }) =>
    api.resourceAttributes.update(at(path, 0), at(path, 1), { type: value as AttributeType }),
  'user-attribute': (api, [key = ''], { value }) =>
    api.resourceAttributes.update(USER, key, { type: value as AttributeType }),
  'user-set': (api, [key = ''], { value }) =>
    api.conditionSets.update(key, { conditions: (value as SetValue).conditions }),
  'resource-set': (api, [key = ''], { value }) =>
    api.conditionSets.update(key, { conditions: (value as SetValue).conditions }),
};

const DELETE: Record<PolicyItem['kind'], Apply> = {
  resource: (api, [key = '']) => api.resources.delete(key),
  action: (api, path) => api.resourceActions.delete(at(path, 0), at(path, 1)),
  attribute: (api, path) => api.resourceAttributes.delete(at(path, 0), at(path, 1)),
  relation: (api, path) => api.resourceRelations.delete(at(path, 0), at(path, 1)),
  role: (api, [key = '']) => api.roles.delete(key),
  grant: (api, path, item, along) => api.roles.removePermissions(at(path, 0), last([item, ...along])),
  'resource-role': (api, path) => api.resourceRoles.delete(at(path, 0), at(path, 1)),
  'resource-grant': (api, path, item, along) =>
    api.resourceRoles.removePermissions(at(path, 0), at(path, 1), last([item, ...along])),
  derivation: (api, path) =>
    api.resourceRoles.deleteRoleDerivation(at(path, 0), at(path, 1), derivationOf(path)),
  'user-attribute': (api, [key = '']) => api.resourceAttributes.delete(USER, key),
  'user-set': (api, [key = '']) => api.conditionSets.delete(key),
  'resource-set': (api, [key = '']) => api.conditionSets.delete(key),
  rule: (api, path) => api.conditionSetRules.delete(ruleOf(path)),
};

/** Carries out one step of a plan through the SDK. */
export async function applyPolicyStep(
  permit: Permit,
  { verb, item, with: along }: PolicyStep,
): Promise<void> {
  const apply = { create: CREATE, update: UPDATE, delete: DELETE }[verb][item.kind];
  if (!apply) throw new Error(`nothing can ${verb} a ${item.kind}`);
  await apply(permit.api, item.path, item, along);
}

function derivationOf(path: readonly string[]) {
  return { on_resource: at(path, 2), role: at(path, 3), linked_by_relation: at(path, 4) };
}

function ruleOf(path: readonly string[]) {
  return { user_set: at(path, 0), resource_set: at(path, 1), permission: at(path, 2) };
}

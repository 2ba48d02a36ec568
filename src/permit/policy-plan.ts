import { isDeepStrictEqual } from 'node:util';
import { itemId, POLICY_KINDS, type PolicyItem, type PolicyKind } from './policy-items.ts';

/** One call, or nearly so: `with` holds facts that go along with the first, such as a new role's grants. */
export type PolicyStep = {
  verb: 'create' | 'update' | 'delete';
  item: PolicyItem;
  with: PolicyItem[];
  /** Takes something away, from people as well: done only when asked for. */
  destructive: boolean;
};

/** Facts that live inside another one: made with it, gone with it. */
const PARENTS: Partial<Record<PolicyKind, { kind: PolicyKind; depth: number }[]>> = {
  action: [{ kind: 'resource', depth: 1 }],
  attribute: [{ kind: 'resource', depth: 1 }],
  relation: [{ kind: 'resource', depth: 1 }],
  'resource-role': [{ kind: 'resource', depth: 1 }],
  grant: [{ kind: 'role', depth: 1 }],
  'resource-grant': [
    { kind: 'resource', depth: 1 },
    { kind: 'resource-role', depth: 2 },
  ],
  derivation: [
    { kind: 'resource', depth: 1 },
    { kind: 'resource-role', depth: 2 },
  ],
  rule: [{ kind: 'user-set', depth: 1 }],
};
const MADE_WITH: Partial<Record<PolicyKind, PolicyKind>> = {
  action: 'resource',
  attribute: 'resource',
  grant: 'role',
  'resource-grant': 'resource-role',
};
const CHANGED_AT_ONCE = new Set<PolicyKind>(['grant', 'resource-grant']);

/**
 * What makes `found` agree with `wanted`, in an order that works. Pure; an empty plan means that they agree.
 * A relation's subject and a set's resource cannot change in place, so that is a removal and a creation.
 */
export function planPolicy(wanted: readonly PolicyItem[], found: readonly PolicyItem[]): PolicyStep[] {
  const wantedById = new Map(wanted.map((item) => [itemId(item), item]));
  const foundById = new Map(found.map((item) => [itemId(item), item]));
  const missing = wanted.filter((item) => !foundById.has(itemId(item)));
  const surplus = found.filter((item) => !wantedById.has(itemId(item)));
  const changed = wanted.filter((item) => {
    const other = foundById.get(itemId(item));
    return other !== undefined && !isDeepStrictEqual(plain(other.value), plain(item.value));
  });
  const isReplaced = (item: PolicyItem) =>
    item.kind === 'relation' ||
    (item.kind === 'resource-set' && resourceOf(item) !== resourceOf(foundById.get(itemId(item))));
  const replaced = changed.filter(isReplaced);
  const waits = ({ kind, path }: PolicyItem) =>
    replaced.some((one) =>
      one.kind === 'relation'
        ? kind === 'derivation' && one.path[0] === path[0] && one.path[1] === path[4]
        : kind === 'rule' && one.path[0] === path[1],
    );

  return [
    ...inOrder(
      fold(
        missing.filter((item) => !waits(item)),
        'create',
      ),
    ),
    ...inOrder(changed.filter((item) => !isReplaced(item)).map((item) => stepOf('update', item, [], false))),
    ...inOrder(fold([...surplus, ...replaced], 'delete')).reverse(),
    // What is derived over a relation, or ruled about a set, goes with it and comes back after it.
    ...[...replaced, ...wanted.filter(waits)].map((item) => stepOf('create', item, [], true)),
  ];
}

/** `+ role editor (reports:view, reports:edit)` */
export function describeStep({ verb, item, with: along, destructive }: PolicyStep): string {
  const sign = { create: '+', update: '~', delete: '-' }[verb];
  const more = along.map(({ path }) => path.at(-1)).join(', ');
  return `${sign} ${itemId(item)}${more ? ` (with ${more})` : ''}${destructive ? ' [destructive]' : ''}`;
}

function fold(items: readonly PolicyItem[], verb: 'create' | 'delete'): PolicyStep[] {
  const ids = new Set(items.map(itemId));
  const steps = new Map<string, PolicyStep>();
  for (const item of items) {
    const parents = PARENTS[item.kind] ?? [];
    const gone = parents.some(({ kind, depth }) =>
      ids.has(itemId({ kind, path: item.path.slice(0, depth) })),
    );
    if (verb === 'delete' && gone) continue;
    const host = MADE_WITH[item.kind];
    const hostId = host && itemId({ kind: host, path: item.path.slice(0, -1) });
    const first = CHANGED_AT_ONCE.has(item.kind)
      ? `${item.kind}s of ${item.path.slice(0, -1).join('/')}`
      : itemId(item);
    const key = verb === 'create' && hostId !== undefined && ids.has(hostId) ? hostId : first;
    const step = steps.get(key);
    if (step) step.with.push(item);
    else steps.set(key, stepOf(verb, item, [], verb === 'delete'));
  }
  return [...steps.values()];
}

function stepOf(
  verb: PolicyStep['verb'],
  item: PolicyItem,
  along: PolicyItem[],
  destructive: boolean,
): PolicyStep {
  return { verb, item, with: along, destructive };
}

function inOrder(steps: readonly PolicyStep[]): PolicyStep[] {
  return steps.toSorted(
    (left, right) => POLICY_KINDS.indexOf(left.item.kind) - POLICY_KINDS.indexOf(right.item.kind),
  );
}

const resourceOf = (item: PolicyItem | undefined) => (item?.value as { resource?: string })?.resource;

/** As it comes back over the wire. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

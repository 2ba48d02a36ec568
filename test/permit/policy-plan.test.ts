import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { definePolicy } from '../../src/permission/define-policy.ts';
import type { PolicyInput } from '../../src/permission/policy.ts';
import { itemId, itemsOfPolicy, type PolicyItem } from '../../src/permit/policy-items.ts';
import { describeStep, type PolicyStep, planPolicy } from '../../src/permit/policy-plan.ts';

const whole = definePolicy({
  resources: {
    folders: { actions: ['view'], roles: { editor: ['view'] } },
    reports: {
      name: 'Reports',
      actions: ['view', 'edit'],
      attributes: { status: 'string' },
      roles: { owner: ['view', 'edit'], reader: ['view'] },
      relations: { parent: 'folders' },
      derivations: [{ role: 'reader', from: { resource: 'folders', role: 'editor' }, by: 'parent' }],
    },
  },
  roles: { viewer: ['reports:view'], nobody: [] },
  userAttributes: { age: 'number' },
  userSets: { adults: { conditions: { allOf: [{ 'user.age': { 'greater-than': 17 } }] } } },
  resourceSets: { drafts: { resource: 'reports', conditions: { allOf: [] } } },
  rules: [{ userSet: 'adults', permission: 'reports:view', resourceSet: 'drafts' }],
});
const empty: PolicyInput = { resources: {}, roles: {} };
const plan = (wanted: PolicyInput, found: PolicyInput) =>
  planPolicy(itemsOfPolicy(wanted), itemsOfPolicy(found));
const text = (steps: PolicyStep[]) => steps.map(describeStep);

describe('the plan of a push', () => {
  it('knows a resource by its key when it has no other name', () => {
    expect(itemsOfPolicy({ resources: { a: { actions: ['x'] } }, roles: {} })).toEqual([
      { kind: 'resource', path: ['a'], value: 'a' },
      { kind: 'action', path: ['a', 'x'] },
    ]);
  });

  it('is empty when catalogue and environment agree', () => {
    expect(plan(whole, whole)).toEqual([]);
  });

  it('makes a whole policy in an order that works, in few calls', () => {
    expect(text(plan(whole, empty))).toEqual([
      '+ resource folders (with view)',
      '+ resource reports (with view, edit, status)',
      '+ relation reports/parent',
      '+ role viewer (with reports:view)',
      '+ role nobody',
      '+ resource-role folders/editor (with view)',
      '+ resource-role reports/owner (with view, edit)',
      '+ resource-role reports/reader (with view)',
      '+ derivation reports/reader/folders/editor/parent',
      '+ user-attribute age',
      '+ user-set adults',
      '+ resource-set drafts',
      '+ rule adults/drafts/reports:view',
    ]);
  });

  it('takes a whole policy away in the opposite order, and each thing once', () => {
    const steps = plan(empty, whole);
    expect(steps.every(({ destructive }) => destructive)).toBe(true);
    expect(text(steps).map((line) => line.replace(' [destructive]', ''))).toEqual([
      '- resource-set drafts',
      '- user-set adults',
      '- user-attribute age',
      '- role nobody',
      '- role viewer',
      '- resource reports',
      '- resource folders',
    ]);
  });

  it('adds and takes grants in one call for each role, and changes what can be changed', () => {
    const changed = definePolicy({
      ...whole,
      resources: {
        ...whole.resources,
        reports: {
          ...whole.resources.reports,
          name: 'Papers',
          attributes: { status: 'number' },
          roles: { owner: [], reader: ['view', 'edit'] },
        },
      },
      roles: { viewer: ['reports:edit', 'folders:view'], nobody: [] },
      userSets: { adults: { conditions: { allOf: [] } } },
    } as PolicyInput);
    expect(text(plan(changed, whole))).toEqual([
      '+ grant viewer/reports:edit (with folders:view)',
      '+ resource-grant reports/reader/edit',
      '~ resource reports',
      '~ attribute reports/status',
      '~ user-set adults',
      '- resource-grant reports/owner/view (with edit) [destructive]',
      '- grant viewer/reports:view [destructive]',
    ]);
  });

  it('replaces a relation whose subject changes, only when told to', () => {
    const other = {
      ...whole,
      resources: {
        ...whole.resources,
        reports: { ...whole.resources.reports, relations: { parent: 'reports' }, derivations: [] },
      },
    };
    expect(
      text(
        plan(other, {
          ...other,
          resources: {
            ...other.resources,
            reports: { ...other.resources.reports, relations: { parent: 'folders' } },
          },
        }),
      ),
    ).toEqual(['- relation reports/parent [destructive]', '+ relation reports/parent [destructive]']);
  });

  it('leads from any policy to any other', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const items: fc.Arbitrary<PolicyItem[]> = fc
      .record({
        resources: fc.dictionary(
          key,
          fc.record({
            actions: fc.uniqueArray(key, { minLength: 1 }),
            roles: fc.dictionary(key, fc.uniqueArray(key)),
          }),
        ),
        roles: fc.dictionary(key, fc.uniqueArray(key)),
      })
      .map((policy) => itemsOfPolicy(policy as PolicyInput));
    fc.assert(
      fc.property(items, items, (wanted, found) => {
        const state = new Map(found.map((item) => [itemId(item), item]));
        for (const { verb, item, with: along } of planPolicy(wanted, found)) {
          for (const one of [item, ...along]) {
            if (verb === 'delete') {
              // What is inside goes with it.
              const id = itemId(one);
              for (const [other, { kind, path }] of state) {
                const inside =
                  (one.kind === 'resource' &&
                    ['action', 'attribute', 'resource-role', 'resource-grant'].includes(kind) &&
                    path[0] === one.path[0]) ||
                  (one.kind === 'role' && kind === 'grant' && path[0] === one.path[0]) ||
                  (one.kind === 'resource-role' &&
                    kind === 'resource-grant' &&
                    path[0] === one.path[0] &&
                    path[1] === one.path[1]);
                if (inside || other === id) state.delete(other);
              }
            } else state.set(itemId(one), one);
          }
        }
        expect([...state.keys()].sort()).toEqual(wanted.map(itemId).sort());
      }),
      { numRuns: 300 },
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../src/errors.ts';
import { definePolicy, permissionsOfPolicy, roleKeysOf } from '../../src/permission/define-policy.ts';
import type { PolicyInput } from '../../src/permission/policy.ts';
import { policyProblems } from '../../src/permission/policy-problems.ts';

const policy = definePolicy({
  resources: {
    reports: { actions: ['view', 'edit'], roles: { owner: ['view', 'edit'] } },
    operations: { actions: ['operate'] },
  },
  roles: { viewer: ['reports:view'], admin: ['reports:view', 'reports:edit', 'operations:operate'] },
});

describe('definePolicy', () => {
  it('returns the data alone, frozen through and through', () => {
    expect(JSON.parse(JSON.stringify(policy))).toEqual(policy);
    expect(Object.isFrozen(policy.resources.reports.actions)).toBe(true);
    expect(roleKeysOf(policy)).toEqual(['viewer', 'admin']);
    expect(permissionsOfPolicy(policy)).toEqual(['reports:view', 'reports:edit', 'operations:operate']);
  });

  it('does not freeze what it was given', () => {
    const input: PolicyInput = { resources: { a: { actions: ['x'] } }, roles: {} };
    definePolicy(input);
    expect(Object.isFrozen(input)).toBe(false);
  });

  it('takes a policy whose literal type nobody knows', () => {
    const loaded: PolicyInput = JSON.parse(JSON.stringify(policy));
    expect(definePolicy(loaded)).toEqual(policy);
  });

  it('names every mistake at once', () => {
    const wrong: unknown = {
      resources: {
        reports: {
          actions: ['view', 'view'],
          attributes: { status: 'string' },
          roles: { owner: ['fly'] },
          relations: { parent: 'folders' },
          derivations: [{ role: 'reader', from: { resource: 'toString', role: 'editor' }, by: 'parent' }],
        },
      },
      roles: { viewer: ['reports:fly', 'folders:view', 'constructor:name'] },
      resourceSets: { drafts: { resource: 'papers', conditions: {} } },
      rules: [{ userSet: 'adults', permission: 'reports:nothing', resourceSet: 'none' }],
    };
    expect(policyProblems(wrong)).toEqual([
      'roles.viewer: "reports:fly" names an unknown action of "reports"',
      'roles.viewer: "folders:view" names the unknown resource "folders"',
      'roles.viewer: "constructor:name" names the unknown resource "constructor"',
      'resources.reports.actions: "view" stands there twice',
      'resources.reports.roles.owner: unknown action "fly"',
      'resources.reports.relations.parent: unknown resource "folders"',
      'resources.reports.derivations.0: unknown role "reader" of "reports"',
      'resources.reports.derivations.0: "parent" is no relation of "reports" to "toString"',
      'resources.reports.derivations.0: unknown role "editor" of "toString"',
      'resourceSets.drafts: unknown resource "papers"',
      'rules.0: "reports:nothing" names an unknown action of "reports"',
      'rules.0: unknown user set "adults"',
      'rules.0: unknown resource set "none"',
    ]);
    expect(() => definePolicy(wrong as PolicyInput)).toThrow(ConfigurationError);
  });

  it('names what is missing altogether', () => {
    expect(
      policyProblems({
        resources: {
          a: { actions: ['x'], derivations: [{ role: 'r', from: { resource: 'a', role: 's' }, by: 'p' }] },
        },
        roles: {},
        rules: [{ userSet: 'u', permission: 'a:x', resourceSet: 's' }],
      }),
    ).toEqual([
      'resources.a.derivations.0: unknown role "r" of "a"',
      'resources.a.derivations.0: "p" is no relation of "a" to "a"',
      'resources.a.derivations.0: unknown role "s" of "a"',
      'rules.0: unknown user set "u"',
      'rules.0: unknown resource set "s"',
    ]);
  });

  it('refuses keys that Permit.io refuses, and attributes that would overwrite what the engine knows', () => {
    const problems = policyProblems({
      resources: {
        'my reports': { actions: [] },
        __tenant: { actions: ['view'] },
        a: { actions: ['x'], attributes: { type: 'string', ok: 'nonsense' }, extra: 1 },
      },
      roles: { 'r:1': ['not a permission'] },
      userAttributes: { roles: 'array' },
    });
    expect(problems.length).toBeGreaterThanOrEqual(7);
    expect(policyProblems(undefined)[0]).toMatch(/^policy: /);
  });

  it('takes relations, derivations and sets that fit together', () => {
    expect(
      policyProblems({
        resources: {
          folders: { actions: ['view'], roles: { editor: ['view'] } },
          reports: {
            actions: ['view'],
            roles: { reader: ['view'] },
            relations: { parent: 'folders' },
            derivations: [{ role: 'reader', from: { resource: 'folders', role: 'editor' }, by: 'parent' }],
          },
        },
        roles: {},
        userAttributes: { age: 'number' },
        userSets: { adults: { conditions: {} } },
        resourceSets: { drafts: { resource: 'reports', conditions: {} } },
        rules: [{ userSet: 'adults', permission: 'reports:view', resourceSet: 'drafts' }],
      }),
    ).toEqual([]);
  });
});

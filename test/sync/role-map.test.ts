import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRoleMap, slugOf } from '../../src/sync/role-map.ts';

describe('slug of a role name', () => {
  it.each([
    ['Org Admin', 'org-admin'],
    ['  Éditeur  en chef ', 'editeur-en-chef'],
    ['org_admin', 'org_admin'],
    ['***', ''],
  ])('%j is %j', (name, slug) => expect(slugOf(name)).toBe(slug));

  it('fits into a key of the directory, and is its own slug', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const slug = slugOf(name);
        expect(slug === '' || /^[A-Za-z0-9\-_]+$/.test(slug)).toBe(true);
        expect(slugOf(slug)).toBe(slug);
      }),
    );
  });
});

describe('which role a name stands for', () => {
  it('is the one of the policy with the same slug', () => {
    const map = createRoleMap(['Org Admin', 'viewer', 'janitor'], ['org-admin', 'viewer']);
    expect(map.keyOf('Org Admin')).toBe('org-admin');
    expect(map.keyOf('viewer')).toBe('viewer');
    expect(map.keyOf('janitor')).toBeUndefined();
    expect(map.conflicts).toEqual([]);
  });

  it('is none when two names share a slug, and both are reported', () => {
    const map = createRoleMap(['admin', 'Admin', 'viewer'], ['admin', 'viewer']);
    expect(map.keyOf('admin')).toBeUndefined();
    expect(map.keyOf('Admin')).toBeUndefined();
    expect(map.keyOf('viewer')).toBe('viewer');
    expect(map.conflicts).toEqual([['Admin', 'admin']]);
  });

  it('is none for a name that is not in the list', () => {
    expect(createRoleMap(['viewer'], ['viewer', 'admin']).keyOf('admin')).toBeUndefined();
  });

  it('never lets two different names share one role', () => {
    const names = fc.uniqueArray(
      fc.constantFrom('admin', 'Admin', 'ADMIN ', 'viewer', 'Viewer!', 'a-b', 'a b'),
    );
    fc.assert(
      fc.property(names, (all) => {
        const map = createRoleMap(all, ['admin', 'viewer', 'a-b']);
        const mapped = all.map((name) => map.keyOf(name)).filter((key) => key !== undefined);
        expect(new Set(mapped).size).toBe(mapped.length);
        const silent = all.filter((n) => map.keyOf(n) === undefined && !map.conflicts.flat().includes(n));
        expect(silent).toEqual([]);
      }),
    );
  });
});

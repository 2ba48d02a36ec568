import { describe, expect, it } from '@jest/globals';
import { personNameOf } from '../../src/sync/person-name.ts';

describe('name of a person', () => {
  it.each([
    [
      { name: 'Alice Example', profile: {} },
      { firstName: 'Alice', lastName: 'Example' },
    ],
    [
      { name: 'Alice van der Berg', profile: null },
      { firstName: 'Alice', lastName: 'van der Berg' },
    ],
    [{ name: 'Madonna', profile: {} }, { firstName: 'Madonna' }],
    [{ name: null, profile: {} }, {}],
    [{ name: '   ', profile: {} }, {}],
    [
      { name: 'Alice Example', profile: { givenName: 'Alicia', familyName: 'Ex' } },
      { firstName: 'Alicia', lastName: 'Ex' },
    ],
    [{ name: 'Alice Example', profile: { givenName: 'Alicia' } }, { firstName: 'Alicia' }],
    [{ name: null, profile: { familyName: 'Ex' } }, { lastName: 'Ex' }],
  ])('%j', (user, expected) => expect(personNameOf(user)).toEqual(expected));
});

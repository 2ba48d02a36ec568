import { expect, it } from '@jest/globals';
import { decide } from '../../../src/emulators/permit/engine/decide.ts';
import { authorizedUsers } from '../../../src/emulators/permit/engine/permissions.ts';
import { rolesOnObjects } from '../../../src/emulators/permit/engine/roles.ts';
import { naiveDecision, naiveHeld } from '../../support/permit-naive.ts';
import { createRandom, engineWorld, randomQuestion, randomWorld } from '../../support/permit-random-world.ts';

const CASES = Number(process.env.PERMIT_NAIVE_CASES ?? 3000);
const QUESTIONS_PER_WORLD = 10;

it(`agrees with the naive model on ${CASES} random questions`, () => {
  const seen = { allowed: 0, rbac: 0, rebac: 0, abac: 0 };
  for (let asked = 0; asked < CASES; asked += QUESTIONS_PER_WORLD) {
    const random = createRandom(asked + 1);
    const naive = randomWorld(random);
    const world = engineWorld(naive, random);
    for (let i = 0; i < QUESTIONS_PER_WORLD; i += 1) {
      const question = randomQuestion(random);
      const decision = decide(world, question);
      const engine = {
        allow: decision.allow,
        rbac: decision.rbac.allow,
        rebac: decision.rebac.allow,
        abac: decision.abac.allow,
      };
      const expected = naiveDecision(naive, question);
      if (JSON.stringify(engine) !== JSON.stringify(expected)) {
        throw new Error(
          `seed ${asked + 1}: ${JSON.stringify({ question, engine, expected, naive }, null, 1)}`,
        );
      }
      if (question.resource.tenant !== undefined) {
        const may = ['u1', 'u2', 'u3'].filter((key) => {
          const { rbac, rebac } = naiveDecision(naive, { ...question, user: { key } });
          return rbac || rebac;
        });
        expect(Object.keys(authorizedUsers(world, question).users).sort()).toEqual(may);
      }
      for (const module of ['rbac', 'rebac', 'abac'] as const) if (expected[module]) seen[module] += 1;
      if (expected.allow) seen.allowed += 1;
    }
    for (const user of ['u1', 'u2', 'u3']) {
      const forward = [...rolesOnObjects(world, user)].flatMap(([object, roles]) =>
        [...roles].map((role) => `${object}#${role}`),
      );
      expect(new Set(forward)).toEqual(naiveHeld(naive, user));
    }
  }
  // Agreement on denials alone would prove little.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(CASES / 200);
}, 600_000);

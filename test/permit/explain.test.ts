import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createExplainer, type Explainer } from '../../src/permit/explain.ts';
import { type ScriptedPdp, startScriptedPdp } from '../support/permission-pdp.ts';

const question = { user: { key: 'carol' }, action: 'edit', resource: { type: 'reports', tenant: 'default' } };
let pdp: ScriptedPdp;
let explainer: Explainer;
beforeAll(async () => {
  pdp = await startScriptedPdp();
  explainer = createExplainer({ pdpUrl: `${pdp.url}/`, apiKey: 'key' });
});
afterAll(async () => {
  await explainer.close();
  await pdp.close();
});
const answers = (body: unknown) => {
  pdp.fault = (_path, res) => {
    res.end(JSON.stringify(body));
    return true;
  };
};

describe('an explanation', () => {
  it('tells each model and its reason', async () => {
    answers({
      allow: false,
      debug: {
        request: { user: { key: 'carol' } },
        rbac: { allow: false, code: 'no_permission', reason: "no role grants 'edit'", support_link: 'x' },
        rebac: { allow: true, allowing_roles: ['owner'] },
        abac: { code: 'disabled' },
        odd: 'text',
      },
    });
    expect(await explainer.explain(question)).toEqual({
      allowed: false,
      question,
      reasons: [
        { model: 'rbac', allowed: false, code: 'no_permission', reason: "no role grants 'edit'" },
        { model: 'rebac', allowed: true, roles: ['owner'] },
        { model: 'abac', allowed: false, code: 'disabled' },
      ],
    });
  });

  it('is the decision alone from a PDP without its debugger', async () => {
    answers({ allow: true });
    expect(await explainer.explain(question)).toEqual({ allowed: true, question, reasons: [] });
  });

  it('is a 503 for anything else', async () => {
    answers({ allow: 'true' });
    await expect(explainer.explain(question)).rejects.toMatchObject({
      status: 503,
      logCode: 'permit_answer_malformed',
    });
  });
});

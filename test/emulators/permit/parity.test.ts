import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { restRoutes } from '../../../src/emulators/permit/rest/routes.ts';
import { readPermitOpenApi } from '../../support/permit-openapi.ts';
import { parityPage } from '../../support/permit-parity.ts';

const document = readPermitOpenApi();
const file = fileURLToPath(new URL('../../../docs/permit-emulator-parity.md', import.meta.url));

(document ? it : it.skip)('the parity table is what router and document say', () => {
  if (!document) return;
  const page = parityPage(document, restRoutes);
  if (process.env.PERMIT_WRITE_PARITY) writeFileSync(file, page);
  expect(readFileSync(file, 'utf8')).toBe(page);
});

(document ? it : it.skip)('the emulator has no operation that the document does not have', () => {
  const known = (path: string, method: string) => document?.paths[path]?.[method.toLowerCase()] !== undefined;
  expect(restRoutes.filter(({ path, method }) => !known(path, method))).toEqual([]);
});

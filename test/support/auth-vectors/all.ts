import { controlVectors, eitherVectors } from './accepted.ts';
import { algorithmVectors } from './algorithm.ts';
import {
  issuerAudienceVectors,
  organizationVectors,
  subjectVectors,
  timeVectors,
  tokenTypeVectors,
} from './claims.ts';
import { credentialVectors, structureVectors } from './grammar.ts';
import { keyInjectionVectors } from './key-injection.ts';
import type { Kit, Vector } from './kit.ts';
import { signatureVectors } from './signature.ts';

/** The whole catalogue for one configuration. */
export function allVectors(kit: Kit): Vector[] {
  return [
    controlVectors,
    eitherVectors,
    credentialVectors,
    structureVectors,
    algorithmVectors,
    signatureVectors,
    keyInjectionVectors,
    tokenTypeVectors,
    issuerAudienceVectors,
    organizationVectors,
    timeVectors,
    subjectVectors,
  ].flatMap((vectorsOf) => vectorsOf(kit));
}

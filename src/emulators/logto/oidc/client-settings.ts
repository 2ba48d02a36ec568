import { z } from 'zod';
import type { ApplicationRecord } from '../directory/records.ts';

const DAY_SECONDS = 86_400;

/** What an application's `customClientMetadata` may say; members without a meaning here are kept and shown. */
export const clientMetadataSchema = z.looseObject({
  /** Seconds. */
  idTokenTtl: z.number().int().positive().optional(),
  refreshTokenTtlInDays: z.number().int().min(1).max(180).optional(),
  /** Without `offline_access` too; for traditional web applications only. */
  alwaysIssueRefreshToken: z.boolean().optional(),
  /** `false` lets public applications keep their refresh token. */
  rotateRefreshToken: z.boolean().optional(),
});

/** The settings by which tokens of the application are made, with Logto's defaults. */
export function clientSettingsOf({ type, customClientMetadata }: ApplicationRecord) {
  const { success, data } = clientMetadataSchema.safeParse(customClientMetadata);
  const {
    idTokenTtl = 3_600,
    refreshTokenTtlInDays = 14,
    alwaysIssueRefreshToken = false,
    rotateRefreshToken = true,
  } = success ? data : {};
  return {
    idTokenTtlSeconds: idTokenTtl,
    refreshTokenTtlSeconds: refreshTokenTtlInDays * DAY_SECONDS,
    alwaysIssueRefreshToken: alwaysIssueRefreshToken && type === 'Traditional',
    rotateRefreshToken,
  };
}

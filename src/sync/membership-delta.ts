export type MembershipDelta = {
  added: string[];
  removed: string[];
  /** Machines joined or left. */
  applications: boolean;
  /** Whether these are all: Logto cuts each list at 5,000, and older versions send none. */
  complete: boolean;
};

const CUT_AT = 5000;

const idsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((id): id is string => typeof id === 'string' && id !== '') : [];

/** Who joined and who left, as far as a membership letter tells. */
export function membershipDeltaOf(payload: unknown): MembershipDelta {
  const body = (typeof payload === 'object' && payload !== null ? payload : {}) as Record<string, unknown>;
  const params = (typeof body.params === 'object' && body.params !== null ? body.params : {}) as Record<
    string,
    unknown
  >;
  const added = idsOf(body.addedUserIds);
  const removed = idsOf(body.removedUserIds);
  if (body.method === 'DELETE' && typeof params.userId === 'string' && !removed.includes(params.userId)) {
    removed.push(params.userId);
  }
  const machines = [...idsOf(body.addedApplicationIds), ...idsOf(body.removedApplicationIds)];
  const cut = added.length >= CUT_AT || removed.length >= CUT_AT;
  return {
    added,
    removed,
    applications: machines.length > 0,
    complete: !cut && (added.length > 0 || removed.length > 0 || machines.length > 0),
  };
}

import type { Attributes } from './attributes.ts';

/** One question to the decision point, as the HTTP side has read it. */
export type EngineQuestion = {
  user: { key: string; attributes?: Attributes | undefined };
  action: string;
  resource: {
    type: string;
    key?: string | undefined;
    tenant?: string | undefined;
    attributes?: Attributes | undefined;
  };
  context?: Attributes | undefined;
  /** Attributes of the tenant that came with the question. */
  tenantAttributes?: Attributes | undefined;
};

export type EngineOptions = {
  /**
   * Whether an instance role counts only when the question names the instance's own tenant. The vendor's graph
   * walk is not published; off, so that an application which relies on the comparison is found out.
   */
  compareInstanceTenant?: boolean;
};

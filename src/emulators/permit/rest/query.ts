import { ValidationError } from './validation-error.ts';

export type Page = { page: number; perPage: number };
export type Query = ReturnType<typeof createQuery>;

const TRUE = new Set(['true', '1', 'on', 'yes', 't', 'y']);
const FALSE = new Set(['false', '0', 'off', 'no', 'f', 'n']);

/** Reads query parameters as the API does: unknown ones are ignored, known ones must be of their type. */
export function createQuery(parameters: URLSearchParams) {
  function refuse(name: string, msg: string, type: string): never {
    throw new ValidationError([{ loc: ['query', name], msg, type }]);
  }

  function whole(name: string, standard: number, max: number): number {
    const text = parameters.get(name);
    if (text === null) return standard;
    if (!/^[+-]?\d{1,15}$/.test(text)) refuse(name, 'value is not a valid integer', 'type_error.integer');
    const value = Number(text);
    if (value < 1) {
      refuse(name, 'ensure this value is greater than or equal to 1', 'value_error.number.not_ge');
    }
    if (value > max) {
      refuse(name, `ensure this value is less than or equal to ${max}`, 'value_error.number.not_le');
    }
    return value;
  }

  return {
    text: (name: string): string | undefined => parameters.get(name) ?? undefined,
    texts: (name: string): string[] => parameters.getAll(name),
    entries: (): IterableIterator<[string, string]> => parameters.entries(),
    flag(name: string): boolean {
      const text = parameters.get(name)?.toLowerCase();
      if (text === undefined || FALSE.has(text)) return false;
      if (TRUE.has(text)) return true;
      return refuse(name, 'value could not be parsed to a boolean', 'type_error.bool');
    },
    oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
      const text = parameters.get(name);
      if (text === null) return undefined;
      const choice = choices.find((candidate) => candidate === text);
      return choice ?? refuse(name, 'value is not a valid enumeration member', 'type_error.enum');
    },
    page: (maxPerPage = 100): Page => ({
      page: whole('page', 1, Number.MAX_SAFE_INTEGER),
      perPage: whole('per_page', 30, maxPerPage),
    }),
  };
}

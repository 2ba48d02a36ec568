export const PER_PAGE = 100;

/** Pages until a short one. */
export async function* pages<T>(read: (page: number, perPage: number) => Promise<T[]>): AsyncGenerator<T[]> {
  let items: T[];
  let page = 0;
  do {
    page += 1;
    items = await read(page, PER_PAGE);
    if (items.length > 0) yield items;
  } while (items.length === PER_PAGE);
}

export function inChunksOf<T>(size: number, items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

/** How much of a channel may be on its way: the producer waits while as many items, or as many bytes, are out. */
export const WINDOW: { readonly items: number; readonly bytes: number } = {
  items: 1024,
  bytes: 16 * 2 ** 20,
};

/** For an assembly of whose incidents nobody need hear. */
export const IGNORE_INCIDENTS = { failed: () => {}, recovered: () => {} }

/** For an assembly of whose troubles nobody need hear. */
export const UNTOLD = { failed: () => {}, recovered: () => {} }

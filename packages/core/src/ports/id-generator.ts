/** A new UUIDv7 (RFC 9562 §5.7), lower case, rising within a process. */
export type IdGenerator = () => string

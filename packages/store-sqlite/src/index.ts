export { copySqliteFile } from './copy-sqlite-file.ts'
export { openSqliteStore, type SqliteStoreOptions } from './open-sqlite-store.ts'

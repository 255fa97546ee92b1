export { inspectMongoDbStore } from './inspect-mongodb-store.ts'
export { type MongoDbStoreOptions, openMongoDbStore } from './open-mongodb-store.ts'

export { type MongoDbStoreOptions, openMongoDbStore } from './open-mongodb-store.ts'

import { PrismaPg } from '@prisma/adapter-pg'
import { type GetPrismaClientConfig, getPrismaClient } from '@prisma/client/runtime/client'

// Node's types leave it out.
declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => never }

/** What `prisma generate` writes for a schema without models; its own program wants to download engines. */
const config: GetPrismaClientConfig = {
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: 'none',
  activeProvider: 'postgresql',
  inlineSchema:
    'generator client {\n  provider = "prisma-client"\n}\n\ndatasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: () => runtimeFile('query_compiler_small_bg.postgresql.mjs'),
    async getQueryCompilerWasmModule() {
      const { wasm } = await runtimeFile('query_compiler_small_bg.postgresql.wasm-base64.mjs')
      return new WebAssembly.Module(Buffer.from(wasm, 'base64'))
    },
    importName: './query_compiler_small_bg.js',
  },
}

/** These have no types. */
function runtimeFile(name: string) {
  return import(`@prisma/client/runtime/${name}`)
}

export interface PrismaTransaction {
  $executeRawUnsafe(text: string, ...values: unknown[]): Promise<number>
}

export interface PrismaClient extends PrismaTransaction {
  $transaction<Result>(work: (tx: PrismaTransaction) => Promise<Result>): Promise<Result>
  $disconnect(): Promise<void>
}

export function prismaClient(connectionString: string): PrismaClient {
  const Client = getPrismaClient(config)
  return new Client({ adapter: new PrismaPg({ connectionString }) }) as unknown as PrismaClient
}

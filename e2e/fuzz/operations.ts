import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The parts of JSON Schema that the contract uses. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

export interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly schema: Schema
}

/** One route with one method, as the contract describes it. */
export interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly parameters: readonly Parameter[]
  /** `null`: it takes none. */
  readonly body: Schema | null
}

export interface Contract {
  readonly operations: readonly Operation[]
  resolve(schema: Schema): Schema
}

interface Described {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}

/** The HTTP API as `contracts/openapi.json` has it. */
export function readContract(): Contract {
  const document = JSON.parse(readFileSync(join(import.meta.dirname, '../../contracts/openapi.json'), 'utf8'))
  const schemas: Readonly<Record<string, Schema>> = document.components.schemas
  const operations = Object.entries(document.paths as Record<string, Record<string, Described>>).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, described]) => operationOf(path, method, described)),
  )
  return {
    operations,
    resolve({ $ref, ...schema }) {
      return $ref === undefined ? schema : (schemas[$ref.split('/').at(-1) as string] as Schema)
    },
  }
}

function operationOf(path: string, method: string, { operationId, parameters, requestBody }: Described): Operation {
  return {
    id: operationId,
    method: method.toUpperCase(),
    path,
    parameters: parameters ?? [],
    body: requestBody?.content['application/json']?.schema ?? null,
  }
}

/** What a request shall be: as the contract has it, that with some places corrupted, or anything. */
export type Manner = 'valid' | 'corrupted' | 'hostile'

import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('./migrations/', import.meta.url)

// The build writes what this module exports into the package as it is now: a bundler takes no other files along.

/** Texts of `migrations/*.sql`, in order: the first leads to version 1. */
export const MIGRATIONS: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => readFileSync(new URL(name, FOLDER), 'utf8'))

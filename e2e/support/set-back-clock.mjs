import { existsSync } from 'node:fs'

// For `--import`, which each thread of a process inherits: once the file CLOCK_IS_SET_BACK exists, its clock is an hour behind.

const now = Date.now
Date.now = () => now() - (existsSync(process.env.CLOCK_IS_SET_BACK) ? 3_600_000 : 0)

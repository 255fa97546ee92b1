import type { Finding } from '@taskyard/core'

export function ok(check: string, detail: string): Finding {
  return { check, verdict: 'ok', detail, advice: null }
}

export function warning(check: string, detail: string, advice: string): Finding {
  return { check, verdict: 'warning', detail, advice }
}

export function problem(check: string, detail: string, advice: string): Finding {
  return { check, verdict: 'problem', detail, advice }
}

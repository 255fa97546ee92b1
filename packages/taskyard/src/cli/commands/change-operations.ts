import type { Client } from '@taskyard/client'

/** What commands do to tasks that are chosen by id or by filter. */
export interface Operation {
  readonly name: 'cancel' | 'retry' | 'delete'
  readonly summary: string
  readonly description: string
  readonly examples: string
  readonly matching: keyof Client & `${string}Matching`
  /** What the tasks that a filter matched are, afterwards. */
  readonly done: string
  /** It cannot be undone: who cannot be asked has to say `--yes`. */
  readonly isFinal: boolean
}

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'cancel',
    summary: 'cancel tasks by id or filter',
    description: 'Cancel tasks that have not ended. Waiting ones end at once; running ones are asked to stop.',
    matching: 'cancelMatching',
    done: 'cancelled or asked to stop',
    isFinal: false,
    examples: `
Examples:
  taskyard cancel 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e
  taskyard cancel --queue reports --status queued,scheduled --dry-run
  taskyard cancel --queue reports --status queued,scheduled`,
  },
  {
    name: 'retry',
    summary: 'retry failed and cancelled tasks by id or filter',
    description:
      'Run failed or cancelled tasks again: attempts start over, history is kept. By filter: failed ones, unless --status says otherwise.',
    matching: 'retryMatching',
    done: 'queued again',
    isFinal: false,
    examples: `
Examples:
  taskyard retry 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e
  taskyard retry --type email --error-code timeout --created-after 2h`,
  },
  {
    name: 'delete',
    summary: 'delete ended tasks by id or filter',
    description: 'Delete tasks that have ended, with their history, for good.',
    matching: 'deleteMatching',
    done: 'deleted',
    isFinal: true,
    examples: `
Examples:
  taskyard delete 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e
  taskyard delete --status succeeded,cancelled --created-before 1d
  taskyard delete --type nightly-report --yes`,
  },
]

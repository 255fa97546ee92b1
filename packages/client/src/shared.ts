// What a program that opens a store and a client have in common: how arguments are checked, and calls that are made of others.

export {
  aFlag,
  aFunction,
  anAmount,
  anObject,
  assertConfiguration,
  aWholeNumber,
  type OptionRules,
} from './checked-configuration.ts'
export {
  type CheckedFilter,
  type CheckedList,
  checkedDeclaration,
  checkedId,
  checkedInterest,
  checkedList,
  checkedMatching,
  checkedQueue,
  checkedType,
  checkedWatch,
  type TaskInterest,
} from './checked-options.ts'
export { type CheckedSubmission, checkedSubmission, checkedSubmissions } from './checked-submission.ts'
export { ComposedCalls } from './composed-calls.ts'
export { everyPage } from './every-page.ts'
export { consoleWarning, troubleReport } from './report-trouble.ts'
export { RunningWorkers } from './running-workers.ts'
export { StuckTasks } from './stuck-tasks.ts'
export type { TaskLooks } from './task-looks.ts'

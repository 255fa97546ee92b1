// What the settings of task types may be: read by whoever checks a configuration, without loading the types themselves.
export { isMailbox } from './email/mailbox.ts'
export { isAddressRange } from './http-request/address-policy.ts'

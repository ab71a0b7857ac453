/** `maxAgeDays` null: back to the deployment's rule. */
export type SetRotationPolicy = { type: 'SetRotationPolicy'; maxAgeDays: number | null; reason?: string }
/** After the data key `dekId` was destroyed. */
export type RecordRetirement = { type: 'RecordRetirement'; fingerprint: string; dekId: string }

export type KeyCustodyCommand = SetRotationPolicy | RecordRetirement

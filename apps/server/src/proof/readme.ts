import type { Head } from './format.ts'

const contains: Record<Head['disclosed'], string> = {
  nothing: 'Payloads are sealed: the events are proved, and what they say is not shown.',
  configuration: 'Payloads of configuration events are opened where they still can be; those of runs are sealed.',
  everything: 'Payloads are opened where they still can be, each with the salt that it was committed to with.',
  run: 'Opened are the events that say what the run used, and those of the run itself.',
}

/** What a person reads who opens the file. It is covered by the seal at the end, as every byte is. */
export function readme(head: Head): string {
  const what =
    head.run_id === null
      ? `The history of project ${head.project_id}, from place ${head.from} to before ${head.to} of the log.`
      : `Receipt of run ${head.run_id} of project ${head.project_id}.`
  return [
    'Stewrd proof bundle',
    '',
    what,
    contains[head.disclosed],
    'No provider key and no data key is in this file.',
    '',
    'Check it with no database, no key and no network:',
    '',
    '    stewrd audit verify FILE --key VERIFIER_KEY',
    '',
    'The verifier key is to come from whoever runs the installation, by another way than this file.',
    'Or check it with your own program: docs/formats/bundle.md says what every byte means.',
    '',
    'Below: one JSON record a line. First what this is, then the signed checkpoints of the log, then the events',
    'by stream, each with its inclusion proof, and at the end the seal over every byte above it.',
  ]
    .map((line) => `#${line && ` ${line}`}\n`)
    .join('')
}

import { CopyButton } from '../../components/ui/copy-button.tsx'

/** How whoever gets the file checks it. */
export function VerifyHint({ file, verifierKey }: { file: string; verifierKey: string }) {
  const command = `stewrd audit verify ${file} --key '${verifierKey}'`
  return (
    <div className="flex flex-col items-start gap-2">
      <p className="text-muted">It is checked anywhere, with no database, no key of yours and no network:</p>
      <code className="w-full rounded-lg border bg-sunken p-3 font-mono text-[12px] leading-relaxed break-all">
        {command}
      </code>
      <CopyButton text={command} label="Copy command" />
    </div>
  )
}

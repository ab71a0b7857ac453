import { CopyButton } from './copy-button.tsx'

/** A program to copy. */
export const Code = ({ text, label }: { text: string; label: string }) => (
  <div className="relative rounded-lg border bg-sunken">
    <pre
      className="overflow-x-auto p-3.5 pr-24 font-mono text-[12.5px] leading-relaxed"
      tabIndex={0}
      aria-label={label}
    >
      {text}
    </pre>
    <div className="absolute top-2 right-2">
      <CopyButton text={text} label="Copy" />
    </div>
  </div>
)

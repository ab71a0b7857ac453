import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { CopyButton } from '../../components/ui/copy-button.tsx'
import { Card } from '../../components/ui/surface.tsx'
import { verifySnippets } from './snippets.ts'

const languages = { node: 'Node', python: 'Python' } as const

/** How a receiver tells our deliveries from others. */
export function VerifyCard() {
  const [language, setLanguage] = useState<keyof typeof languages>('node')
  const text = verifySnippets[language]
  return (
    <Card
      title="Verify signatures"
      description="Check each delivery before you believe it, with the bytes as they arrived."
      actions={Object.entries(languages).map(([id, label]) => (
        <Button
          key={id}
          size="sm"
          look={id === language ? 'secondary' : 'ghost'}
          aria-pressed={id === language}
          onClick={() => setLanguage(id as keyof typeof languages)}
        >
          {label}
        </Button>
      ))}
    >
      <div className="px-4 py-4 sm:px-5">
        <div className="rounded-lg border bg-sunken">
          <div className="flex justify-end border-b p-2">
            <CopyButton text={text} label="Copy" />
          </div>
          <pre
            className="overflow-x-auto p-3.5 font-mono text-[12.5px] leading-relaxed"
            tabIndex={0}
            aria-label={`Verification in ${languages[language]}`}
          >
            {text}
          </pre>
        </div>
      </div>
    </Card>
  )
}

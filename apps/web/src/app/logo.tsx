export const Logo = () => (
  <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
    <rect width="32" height="32" rx="8" fill="#0f766e" />
    <path
      d="M21 11.5c-1-1.6-2.9-2.5-5.2-2.5-3 0-5.3 1.5-5.3 3.9 0 5.3 10.900 2 10.900 6.800 0 2.200-2.200 3.800-5.400 3.800-2.700 0-4.800-1-5.900-2.900"
      fill="none"
      stroke="#fff"
      strokeWidth="2.6"
      strokeLinecap="round"
    />
  </svg>
)

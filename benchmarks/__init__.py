"""Programs that measure and print ratios against peers. Run by hand; nothing here is a test."""

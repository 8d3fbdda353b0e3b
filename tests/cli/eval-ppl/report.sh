# A page of its own: with what is compared, the gates, and plots.
$PHICONV quantize "$SAMPLE" -t q4_0='a&<.gguf' -t q2_k=b.gguf -q
try() {
    $PHICONV eval-ppl 'a&<.gguf' b.gguf -f "$TEXT" -c 64 --chunks 6 -q "$@"
    echo "code $?"
}
try -r "$SAMPLE" --max-kld 0.02 --report page.html
# What it says, without its marks.
python3 - page.html <<'EOF'
import html.parser, sys

VOID = {"meta"}

class Page(html.parser.HTMLParser):
    """The text of a page, a line a row; every tag must be closed in order."""
    open, row, skip = [], [], 0
    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "href")
        assert tag not in ("script", "link", "img", "iframe")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "figure":
            print("figure:", end=" ")
    def handle_startendtag(self, tag, attrs):
        pass
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
        if tag in ("h1", "h2", "p", "tr", "figcaption", "title"):
            print(" | ".join(self.row))
            self.row.clear()
    def handle_data(self, data):
        if data.strip() and self.open[-1] not in ("style", "text"):
            self.row.append(data.strip())

text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
assert page.open == [], page.open
assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
print(text.count("<svg"), "plots")
EOF
# The same bytes again; not over another file, nor over the model.
try -r "$SAMPLE" --max-kld 0.02 --report again.html -j 1 --cpu scalar
cmp page.html again.html && echo same
try -r "$SAMPLE" --report page.html
try -r "$SAMPLE" --report page.html --force
try --report b.gguf --force
# Beside a point is what tells a model from the others.
mv b.gguf my-long_q2.gguf && cp 'a&<.gguf' my-long_q4.gguf
$PHICONV eval-ppl my-long_q2.gguf my-long_q4.gguf -r "$SAMPLE" -f "$TEXT" \
    -c 64 --chunks 2 -q --report names.html
grep -o '>[^<]*gguf</text>' names.html
mv my-long_q2.gguf b.gguf && rm my-long_q4.gguf names.html
# One model without a reference has one plot.
try --report alone.html
grep -c '<svg' alone.html
ls

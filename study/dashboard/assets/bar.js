// The bar on Optuna's pages: leads to the report of the study that is shown, and says in our words
// why something was refused.
const report = document.getElementById("study-report");
const told = document.getElementById("study-told");

function aim() {
  const shown = location.pathname.match(/^\/dashboard\/studies\/(\d+)/);
  report.href = shown ? `/report/?study_id=${shown[1]}` : "/report/";
}
for (const event of ["pointerenter", "focus", "pointerdown", "click"]) {
  report.addEventListener(event, aim);
}

function tell(text) {
  told.textContent = text;
  told.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { told.hidden = true; }, 10000);
}

const ask = window.fetch;
window.fetch = async (...given) => {
  const answer = await ask(...given);
  if (answer.status === 401) {
    const here = location.pathname + location.search;
    location.assign(`/login?next=${encodeURIComponent(here)}`);
  } else if ([403, 409, 503].includes(answer.status)) {
    answer.clone().json().then((found) => tell(found.reason), () => {});
  }
  return answer;
};

// Comes after jupyterquiz's question types, in one function with them and with `questions`.
const quiz = document.currentScript.parentElement.querySelector(".course-quiz");
questions.forEach((question, index) => Question.create(question, makeid(8), index, { maxWidth: 760 }, quiz));

// What jupyterquiz leaves out for keyboards and screen readers.
for (const box of quiz.querySelectorAll(".Quiz")) {
    const question = box.firstElementChild;
    box.setAttribute("role", "group");
    box.setAttribute("aria-labelledby", question.id);
    box.querySelector(".Feedback").setAttribute("aria-live", "polite");
    box.querySelector(".Input-text")?.setAttribute("aria-labelledby", question.id);
    // A choice answers at once, as a button does. With radio buttons the arrow keys would answer in passing.
    for (const label of box.querySelectorAll(".MCButton")) {
        const button = label.querySelector("input");
        button.type = "button";
        button.setAttribute("aria-labelledby", label.id);
    }
}
for (const label of quiz.querySelectorAll(".InpLabel")) {
    label.textContent = "Type a number and press Enter:";
}

// The quiz is alive: the text that stood in for it can go.
quiz.querySelector(".course-quiz-text").remove();
